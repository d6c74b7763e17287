package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// scramIterations is the least that Kafka takes.
const scramIterations = 4096

// certificate is what the listeners with TLS show.
type certificate struct {
	chain, key string // PEM
	authority  []byte // DER
}

func newCertificate() (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kafkatest"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &certificate{
		chain:     string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		authority: der,
	}, nil
}

// properties are those of the listeners that ask who is there, and of the one with TLS.
func (c *certificate) properties() map[string]string {
	p := map[string]string{
		"listener.name.secure.ssl.keystore.type":              "PEM",
		"listener.name.secure.ssl.keystore.certificate.chain": escape(c.chain),
		"listener.name.secure.ssl.keystore.key":               escape(c.key),
	}
	for _, l := range []listener{sasl, secure} {
		prefix := "listener.name." + strings.ToLower(string(l)) + "."
		p[prefix+"sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
		p[prefix+"plain.sasl.jaas.config"] = fmt.Sprintf(
			`org.apache.kafka.common.security.plain.PlainLoginModule required user_%s="%s";`, User, Password)
		for _, mechanism := range []string{"scram-sha-256", "scram-sha-512"} {
			p[prefix+mechanism+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
	return p
}

// escape puts several lines into one of a properties file.
func escape(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }

func saltPassword(mechanism kafka.ScramMechanism) (salt, salted []byte, err error) {
	salt = []byte(rand.Text())
	if mechanism == kafka.ScramMechanismSha256 {
		salted, err = pbkdf2.Key(sha256.New, Password, salt, scramIterations, sha256.Size)
	} else {
		salted, err = pbkdf2.Key(sha512.New, Password, salt, scramIterations, sha512.Size)
	}
	return salt, salted, err
}
