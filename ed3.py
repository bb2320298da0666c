exec(open("/tmp/h5/ed2.py").read().split("edit(\"netos/aio/host.py\"")[0])
edit("netos/aio/program.py",
('''    mode, target, arguments = program
    adopt_event_loops()
    try:
        if mode == "module":
            sys.argv = [target, *arguments]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        elif mode == "code":
            sys.argv = ["-c", *arguments]
            sys.path.insert(0, "")
            run_code(target)
        else:
            sys.argv = [target, *arguments]
            sys.path.insert(0, str(Path(target).resolve().parent))
            run_file(target)
    except SystemExit as leaving:
        return exit_status(leaving.code)
    except KeyboardInterrupt as error:
        interrupted(error)
    except BaseException as error:
        show(error)
        return FAILED
    return 0
''','''    adopt_event_loops()
    status, interrupted = 0, False
    try:
        start(program)
    except SystemExit as leaving:
        status = exit_status(leaving.code)
    except KeyboardInterrupt as error:
        show(error)
        interrupted = True
    except BaseException as error:
        show(error)
        status = FAILED
    threading._shutdown()       # type: ignore[attr-defined] # waits for threads, as python does; their loops need the host
    if interrupted:
        end_by_interrupt()
    return status


def start(program: Program) -> None:
    """Run it with sys.argv and sys.path as python has them."""
    mode, target, arguments = program
    if mode == "module":
        sys.argv = [target, *arguments]
        begin_path(os.getcwd())
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    elif mode == "code":
        sys.argv = ["-c", *arguments]
        begin_path("")
        run_code(target)
    else:
        sys.argv = [target, *arguments]
        begin_path(str(Path(target).resolve().parent))
        run_file(target)


def begin_path(first: str) -> None:
    """Have sys.path begin with this, and not with what the command netos has there."""
    if not sys.flags.safe_path and sys.path:
        ours = sys.path.pop(0)
        if os.path.realpath(ours) == str(Path(netos.__file__).resolve().parents[1]):
            sys.path.append(ours)       # a source tree without installation: netos itself is there
    sys.path.insert(0, first)
'''),
('''        run_main(compile(file.read(), path, "exec"), path)
''','''        run_main(compile(file.read(), path, "exec", dont_inherit=True), path)
'''),
('''    run_main(compile(text, "<string>", "exec"), None)
''','''    run_main(compile(text, "<string>", "exec", dont_inherit=True), None)
'''),
('''    """The traceback of the program, without the frames of ours that are above it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)


def interrupted(error: KeyboardInterrupt) -> NoReturn:
    """End as python does after Ctrl-C: by the signal, so that a shell sees it."""
    import signal

    sys.stdout.flush()
    show(error)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
''','''    """What sys.excepthook does with the program's error: its traceback, without the frames of ours that are above it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        trace = trace.tb_next
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.excepthook(type(error), error.with_traceback(trace), trace)


def end_by_interrupt() -> NoReturn:
    """End as python does after Ctrl-C: what is registered for the exit runs, then the signal, so that a shell sees it."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
'''),
('''import os
import runpy
import shutil
import sys
import traceback
from collections''','''import atexit
import os
import runpy
import shutil
import signal
import sys
import threading
from collections'''),
('''from netos.aio.adopt import''','''import netos
from netos.aio.adopt import'''),
)
edit("netos/cli/exec.py",
('''    with make_host(options) as host:
        if not options.quiet:
            print(description(options, host), file=sys.stderr, flush=True)
        return run_program(program)
''','''    host = make_host(options).use()
    if not options.quiet:
        print(description(options, host), file=sys.stderr, flush=True)
    status = run_program(program)
    if host.loop is None:           # else a daemon thread's loop runs on it: as under python, it ends with the process
        host.close()
    return status
'''))
