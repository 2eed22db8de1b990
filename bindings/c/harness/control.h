/* Orders that musubi_peer takes from its standard input with --control, one a line:
 *   join CODE   enter that room (with --join -)
 *   enough      plan no further messages; what was planned ends as if it had been all
 *   changed     tell the library that the network changed
 * Whoever closes the input takes nothing back. */
#ifndef HARNESS_CONTROL_H
#define HARNESS_CONTROL_H

enum order { ORDER_NONE, ORDER_JOIN, ORDER_ENOUGH, ORDER_CHANGED };

/* Takes one order without waiting. *code is set by ORDER_JOIN and stays valid. Complains about lines that are none. */
enum order control_take(const char **code);

#endif
