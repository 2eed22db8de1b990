/* Orders that musubi_peer takes from its standard input with --control, one a line:
 *   join CODE   enter that room (with --join -)
 *   enough      plan no further messages; what was planned ends as if it had been all
 *   changed     tell the library that the network changed
 *   pause       send nothing until the next resume; the plan is put off by that time
 *   resume
 *   suspend MS  tell the library that the game will be silent for so many milliseconds
 *   wake        and that it is back
 *   phase       print for each peer the longest silence since the last phase, and begin a new one
 *   stats       print a stats line for each peer
 * Whoever closes the input takes nothing back. */
#ifndef HARNESS_CONTROL_H
#define HARNESS_CONTROL_H

enum order { ORDER_NONE, ORDER_JOIN, ORDER_ENOUGH, ORDER_CHANGED, ORDER_PAUSE, ORDER_RESUME, ORDER_PHASE, ORDER_SUSPEND, ORDER_WAKE, ORDER_STATS };

/* Takes one order without waiting. *word is what ORDER_JOIN and ORDER_SUSPEND name, and stays valid. Complains about lines that are none. */
enum order control_take(const char **word);

#endif
