"""Scripts of segments and system calls in packetdrill's language, run against a Stack in virtual time.

    from netos.testing.packetdrill import run_file, run_script
    run_script("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3")       # raises ScriptError, with the line of the script

`python -m netos.testing.packetdrill FILE...` runs files; docs/testing.md has the language.
"""

from netos.testing.packetdrill.nodes import Script, ScriptError
from netos.testing.packetdrill.parser import parse
from netos.testing.packetdrill.runner import Runner, run_file, run_script

__all__ = ["Runner", "Script", "ScriptError", "parse", "run_file", "run_script"]
