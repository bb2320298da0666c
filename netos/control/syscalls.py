"""The system calls that a running appliance makes, with their numbers on x86-64 and AArch64 (the kernel's unistd.h)."""

from __future__ import annotations

# Name, number on x86-64, number on AArch64, - where there is none. Whatever their arguments are, these are harmless
# for a process without privileges whose files Landlock guards. Left out on purpose: connect, for a socket of another
# program may be a way out; execve and fork; io_uring, which makes calls that no filter sees.
ALLOWED_TABLE = """
    read 0 63  write 1 64  readv 19 65  writev 20 66  pread64 17 67  pwrite64 18 68  preadv 295 69
    pwritev 296 70  preadv2 327 286  pwritev2 328 287  close 3 57  close_range 436 436  lseek 8 62
    sendfile 40 71  copy_file_range 326 285  dup 32 23  dup2 33 -  dup3 292 24  fcntl 72 25  flock 73 32
    fsync 74 82  fdatasync 75 83  ftruncate 77 46  truncate 76 45  fallocate 285 47  fadvise64 221 223
    pipe 22 -  pipe2 293 59  poll 7 -  ppoll 271 73  select 23 -  pselect6 270 72  epoll_create 213 -
    epoll_create1 291 20  epoll_ctl 233 21  epoll_wait 232 -  epoll_pwait 281 22  epoll_pwait2 441 441
    eventfd 284 -  eventfd2 290 19  timerfd_create 283 85  timerfd_settime 286 86  timerfd_gettime 287 87
    signalfd4 289 74  open 2 -  openat 257 56  openat2 437 437  stat 4 -  fstat 5 80  lstat 6 -
    newfstatat 262 79  statx 332 291  access 21 -  faccessat 269 48  faccessat2 439 439  getdents 78 -
    getdents64 217 61  readlink 89 -  readlinkat 267 78  unlink 87 -  unlinkat 263 35  rename 82 -
    renameat 264 38  renameat2 316 276  mkdir 83 -  mkdirat 258 34  rmdir 84 -  chmod 90 -  fchmod 91 52
    fchmodat 268 53  chown 92 -  fchown 93 55  lchown 94 -  fchownat 260 54  utimensat 280 88  umask 95 166
    getcwd 79 17  chdir 80 49  fchdir 81 50  statfs 137 43  fstatfs 138 44  memfd_create 319 279
    munmap 11 215  mremap 25 216  madvise 28 233  brk 12 214  mlock 149 228  mlock2 325 284  munlock 150 229
    mlockall 151 230  munlockall 152 231  mincore 27 232  msync 26 227  membarrier 324 283  mbind 237 235
    get_mempolicy 239 236  set_mempolicy 238 237  set_robust_list 273 99  get_robust_list 274 100  rseq 334 293
    futex 202 98  futex_waitv 449 449  set_tid_address 218 96  gettid 186 178  exit 60 93  exit_group 231 94
    arch_prctl 158 -  sched_yield 24 124  sched_getaffinity 204 123  sched_setaffinity 203 122
    sched_getparam 143 121  sched_getscheduler 145 120  sched_get_priority_max 146 125
    sched_get_priority_min 147 126  getcpu 309 168  rt_sigaction 13 134  rt_sigprocmask 14 135
    rt_sigreturn 15 139  rt_sigtimedwait 128 137  rt_sigsuspend 130 133  rt_sigpending 127 136
    sigaltstack 131 132  pause 34 -  alarm 37 -  setitimer 38 103  getitimer 36 102  restart_syscall 219 128
    clock_gettime 228 113  clock_getres 229 114  clock_nanosleep 230 115  nanosleep 35 101  gettimeofday 96 169
    time 201 -  times 100 153  getpid 39 172  getppid 110 173  getuid 102 174  geteuid 107 175  getgid 104 176
    getegid 108 177  getgroups 115 158  getresuid 118 148  getresgid 120 150  getpgid 121 155  getpgrp 111 -
    getsid 124 156  capget 125 90  socketpair 53 199  bind 49 200  listen 50 201  accept 43 202
    accept4 288 242   getsockname 51 204  getpeername 52 205  getsockopt 55 209
    setsockopt 54 208  sendto 44 206  recvfrom 45 207  sendmsg 46 211  recvmsg 47 212  sendmmsg 307 269
    recvmmsg 299 243  shutdown 48 210  uname 63 160  sysinfo 99 179  getrandom 318 278  getrlimit 97 163
    prlimit64 302 261  getrusage 98 165  wait4 61 260  waitid 247 95
"""

# These are looked at argument by argument, or answered in a way of their own.
EXAMINED_TABLE = """
    clone 56 220  clone3 435 435  mmap 9 222  mprotect 10 226  socket 41 198  kill 62 129  tgkill 234 131
    prctl 157 167  ioctl 16 29  seccomp 317 277
"""

LAST_KNOWN = 462            # of both architectures; newer calls answer ENOSYS, so that libraries use older ones


def read_table(text: str, column: int) -> dict[str, int]:
    """The numbers of a table for one architecture: column 1 is x86-64, 2 is AArch64."""
    words = text.split()
    return {words[place]: int(words[place + column]) for place in range(0, len(words), 3)
            if words[place + column] != "-"}
