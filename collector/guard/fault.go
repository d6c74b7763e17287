package guard

// Fault says what is wrong with a request's framing. It is a constant: it repeats nothing of the request and may be
// answered to the client. After it the connection must be closed, since nobody knows where the next request begins.
type Fault struct {
	Text     string // what is wrong and what is expected
	Rule     string // the section that says so
	TooLarge bool   // the head is longer, or has more fields, than is taken; otherwise it is malformed
}

// Error implements error.
func (f *Fault) Error() string { return f.Text + " (" + f.Rule + ")" }

// Everything that Check, CheckParts and Conn refuse.
var (
	faultLineEnd     = &Fault{Text: "a line of the head ends with a bare line feed; end lines with CR LF", Rule: "RFC 9112, 2.2"}
	faultBareCR      = &Fault{Text: "a carriage return stands alone in the head", Rule: "RFC 9112, 2.2"}
	faultControl     = &Fault{Text: "a control character stands in the head", Rule: "RFC 9110, 5.5"}
	faultEnd         = &Fault{Text: "the head does not end with one empty line", Rule: "RFC 9112, 2.1"}
	faultRequestLine = &Fault{Text: "the request line is not method, target and version with one space between", Rule: "RFC 9112, 3"}
	faultVersion     = &Fault{Text: "the version is neither HTTP/1.1 nor HTTP/1.0", Rule: "RFC 9112, 2.3"}
	faultTarget      = &Fault{Text: "the target is neither a path nor an http URL with the authority of Host", Rule: "RFC 9112, 3.2"}
	faultFold        = &Fault{Text: "a header line begins with white space; obsolete folding is not taken", Rule: "RFC 9112, 5.2"}
	faultName        = &Fault{Text: "a header has no name, or one that is not a token", Rule: "RFC 9110, 5.1"}
	faultColon       = &Fault{Text: "white space stands before the colon of a header", Rule: "RFC 9112, 5.1"}
	faultNoHost      = &Fault{Text: "Host is missing", Rule: "RFC 9112, 3.2"}
	faultHosts       = &Fault{Text: "Host stands there more than once", Rule: "RFC 9112, 3.2"}
	faultHost        = &Fault{Text: "Host is not a host name or address with an optional port", Rule: "RFC 9110, 7.2"}
	faultLength      = &Fault{Text: "Content-Length is not one decimal number", Rule: "RFC 9112, 6.3"}
	faultLengths     = &Fault{Text: "Content-Length stands there more than once", Rule: "RFC 9112, 6.3"}
	faultCoding      = &Fault{Text: "Transfer-Encoding is not exactly chunked, once, in HTTP/1.1", Rule: "RFC 9112, 6.1"}
	faultBoth        = &Fault{Text: "Content-Length and Transfer-Encoding stand there together", Rule: "RFC 9112, 6.3"}
	faultChunk       = &Fault{Text: "a chunk is not its size in hex digits, CR LF, its bytes, CR LF", Rule: "RFC 9112, 7.1"}
	faultTrailer     = &Fault{Text: "fields follow the last chunk; no trailer is taken", Rule: "RFC 9112, 7.1.2"}
	faultFields      = &Fault{Text: "the head has too many lines", Rule: "RFC 9110, 5.4", TooLarge: true}
	faultBytes       = &Fault{Text: "the head is too long", Rule: "RFC 9110, 5.4", TooLarge: true}
)
