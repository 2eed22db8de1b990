/* Runs a whole benchmark on this machine: the server, and the processes of both ends. */
#ifndef MUSUBI_BENCH_LAUNCH_H
#define MUSUBI_BENCH_LAUNCH_H

#include "bench.h"

/* self, arguments: this program and what it was started with. Returns an exit code. */
int launch(const struct options *o, const char *self, int argc, char **argv);

#endif
