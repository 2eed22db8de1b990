package portmap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// maxPage bounds a device description and a SOAP answer, in bytes. Real ones are 2 to 20 KB.
const maxPage = 64 << 10

// location is an http:// URL with an address for a host: SSDP never needs a name, and looking one up would ask others.
type location struct {
	host netip.AddrPort
	path string
}

func parseLocation(url string) (l location, err error) {
	rest, ok := strings.CutPrefix(url, "http://")
	if !ok || len(url) > 512 || strings.ContainsAny(url, " \r\n\t") {
		return l, fmt.Errorf("unusable URL %.100q", url)
	}
	host, path, _ := strings.Cut(rest, "/")
	if !strings.Contains(host, ":") {
		host += ":80"
	}
	if l.host, err = netip.ParseAddrPort(host); err != nil {
		return l, fmt.Errorf("unusable URL %.100q", url)
	}
	l.path = "/" + path
	return l, nil
}

// resolve is the place that a description's URL means; routers write whole URLs and bare paths.
func (l location) resolve(url string) (location, error) {
	if strings.Contains(url, "://") {
		return parseLocation(url)
	}
	return parseLocation("http://" + l.host.String() + "/" + strings.TrimPrefix(url, "/"))
}

// call does one HTTP/1.0 request: the answer ends with the connection, and no answer is chunked. An empty action is a
// GET, any other a SOAP POST of body.
func call(ctx context.Context, local netip.Addr, to location, action, body string) (status int, page []byte, err error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	conn, err := d.DialContext(ctx, "tcp", to.host.String())
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	var head strings.Builder
	method := "GET"
	if action != "" {
		method = "POST"
	}
	fmt.Fprintf(&head, "%s %s HTTP/1.0\r\nHost: %s\r\n", method, to.path, to.host)
	if action != "" {
		fmt.Fprintf(&head, "Content-Type: text/xml; charset=\"utf-8\"\r\nSOAPAction: \"%s\"\r\nContent-Length: %d\r\n", action, len(body))
	}
	if _, err = io.WriteString(conn, head.String()+"\r\n"+body); err != nil {
		return 0, nil, err
	}
	return readPage(conn)
}

// readPage reads an HTTP answer: a status line, headers, and a body of Content-Length bytes or up to the end.
func readPage(conn io.Reader) (status int, page []byte, err error) {
	r := bufio.NewReader(io.LimitReader(conn, maxPage))
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, nil, err
	}
	fields := strings.Fields(line)
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") {
		return 0, nil, errors.New("not an HTTP answer")
	}
	if status, err = strconv.Atoi(fields[1]); err != nil {
		return 0, nil, errors.New("not an HTTP answer")
	}
	body := io.Reader(r)
	for {
		if line, err = r.ReadString('\n'); err != nil {
			return 0, nil, err
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		if n, e := strconv.Atoi(strings.TrimSpace(value)); e == nil && n >= 0 && strings.EqualFold(name, "Content-Length") {
			body = io.LimitReader(r, int64(n))
		}
	}
	page, err = io.ReadAll(body)
	return status, page, err
}
