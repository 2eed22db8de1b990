package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certFile in the data directory holds the certificate that the server has made for itself, and its key. Players' clients
// don't look at it: the key in the server's address is what proves the server. A certificate of a public authority is
// needed only where a network inspects TLS and lets nothing else through.
const (
	certFile = "tls.pem"
	certLife = 20 * 365 * 24 * time.Hour
)

// tlsConfig reads the operator's certificate, or the server's own.
func tlsConfig(set *settings, host string) (*tls.Config, error) {
	cert, err := tls.Certificate{}, error(nil)
	if set.tlsCert != "" {
		if cert, err = tls.LoadX509KeyPair(set.tlsCert, set.tlsKey); err != nil {
			return nil, usage("--tls-cert %s and --tls-key %s can't be used: %v", set.tlsCert, set.tlsKey, err)
		}
	} else if cert, err = ownCertificate(filepath.Join(set.data, certFile), host); err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12,
		SessionTicketsDisabled: true, // clients keep nothing of a connection
	}, nil
}

// ownCertificate reads the certificate in a file, or makes one. It is put in place as the master key is.
func ownCertificate(path, host string) (tls.Certificate, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = makeCertificate(host); err == nil {
			if err = putFile(path, text); err == nil {
				text, err = os.ReadFile(path)
			}
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the TLS certificate can't be kept: %w", err)
	}
	cert, err := tls.X509KeyPair(text, text)
	if err != nil {
		return cert, fmt.Errorf("the TLS certificate in %s is damaged: remove it, and the server makes another (%w)", path, err)
	}
	return cert, nil
}

func makeCertificate(host string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	name, _, _ := net.SplitHostPort(host)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(certLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}
