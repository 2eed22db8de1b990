//go:build !linux

package portmap

import "errors"

// Gateway is not known on this system; UPnP finds the router by itself.
func Gateway() (in Inside, err error) {
	return in, errors.New("the default route can't be read on this system")
}
