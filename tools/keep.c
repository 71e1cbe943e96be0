/* keep.c: starts a program for hmap compare, holds all its processes together, and says what it took.
 *
 * Whatever the program leaves behind comes to this process, and is ended by it: when the program has ended, when hmap is told to
 * stop, and when hmap itself is killed. And as it is a small process, the memory that its child is said to have taken is the
 * program's own and not Python's, which the kernel would count too. */
#include "hmap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE = 100 }; /* tries of 5 ms, before processes that were told to end are killed */

static double now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The parent of a process, or 0. */
static pid_t parentOf(const char *pid)
{
  char path[64], line[512];
  int parent = 0;
  snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return 0;
  const char *behindName = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
  if (behindName && sscanf(behindName, ") %*c %d", &parent) != 1)
    parent = 0;
  fclose(file);
  return parent;
}

static void signalChildren(int number)
{
  DIR *folder = opendir("/proc");
  const struct dirent *entry;
  while (folder && (entry = readdir(folder)))
    if (*entry->d_name >= '1' && *entry->d_name <= '9' && parentOf(entry->d_name) == getpid())
      kill(atoi(entry->d_name), number);
  if (folder)
    closedir(folder);
}

/* Ends all children, and theirs, which become ours when they lose their parent. */
static void endAll(void)
{
  static const struct timespec pause = {0, 5000000};
  pid_t pid;
  for (int tries = 0; (pid = waitpid(-1, NULL, WNOHANG)) >= 0 || errno == EINTR; tries++)
    if (pid == 0) {
      signalChildren(tries < GRACE ? SIGTERM : SIGKILL);
      nanosleep(&pause, NULL);
    }
}

static pid_t start(int result, char **argv, const sigset_t *mask)
{
  pid_t child = fork();
  if (child == 0) {
    setsid();
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(argv[0], argv + 1);
    dprintf(result, "failed %d\n", errno);
    _exit(127);
  }
  return child;
}

/* Waits until the program has ended (true), or until hmap says stop or is gone. */
static bool waitFor(pid_t child, const sigset_t *signals, int *status, struct rusage *usage)
{
  for (;;) {
    pid_t ended;
    while ((ended = wait4(-1, status, WNOHANG, usage)) > 0)
      if (ended == child)
        return true;
    int number = sigwaitinfo(signals, NULL);
    if (number >= 0 && number != SIGCHLD)
      return false;
  }
}

/* argv: the descriptor for the result, hmap's process, the program, its arguments from argv[0] on. */
int keep(char **argv)
{
  int result = atoi(argv[0]), status = 0;
  struct rusage usage = {0};
  sigset_t signals, before;
  static const int known[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
  sigemptyset(&signals);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    sigaddset(&signals, known[i]);
  sigprocmask(SIG_BLOCK, &signals, &before);
  signal(SIGCHLD, SIG_DFL);
  fcntl(result, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  double begin = now();
  pid_t child = argv[1] && getppid() == atoi(argv[1]) ? start(result, argv + 2, &before) : -1;
  bool done = child > 0 && waitFor(child, &signals, &status, &usage);
  double seconds = now() - begin;
  endAll();
  if (done)
    dprintf(result, "ended %d %ld %.9f\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), usage.ru_maxrss,
            seconds);
  return 0;
}
