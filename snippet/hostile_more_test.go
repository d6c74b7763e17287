package snippet

import (
	"fmt"
	"net"
	"net/http"
)

// morePage is a page with the six more ways to other hosts, of which only answers with a policy hold back all: a preload that its own answer
// asks for, a peer connection, rules for pages to fetch ahead, a worker and a service worker by URL, and a frame of the shop's without a tag.
func (h *hostile) morePage(w http.ResponseWriter, r *http.Request, site Site) {
	run := r.URL.Query().Get("run")
	tag, err := h.tag(site)
	if err != nil {
		h.fail(w, err)
		return
	}
	port, err := h.listenSTUN(r, run)
	if err != nil {
		h.fail(w, err)
		return
	}
	if !site.Wall.on() || site.Wall.Strength != "header" { // whose recipes drop it
		w.Header().Set("Link", fmt.Sprintf("<%s/%s/link-preload>; rel=preload; as=script", h.at("tracker"), run))
	}
	fmt.Fprintf(w, `<!doctype html><html><head>%[1]s<title>More</title><link rel="icon" href="data:,">
<script type="speculationrules">{"prefetch": [{"urls": ["%[2]s/%[3]s/speculation"], "eagerness": "immediate"}]}</script></head><body>
<iframe src="untagged?run=%[3]s"></iframe>%[4]s<script>
const state = (worker) => new Promise((done) => { worker.onstatechange = () => worker.state !== 'installing' && done() })
kinds(
  () => new Promise((done) => { const worker = new Worker('worker.js?run=%[3]s'); worker.onmessage = worker.onerror = done }),
  () => navigator.serviceWorker.register('sw.js?run=%[3]s').then(({ installing }) => installing && state(installing)),
  async () => {
    const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:%[5]d' }] })
    peer.createDataChannel('d')
    await peer.setLocalDescription(await peer.createOffer())
  },
)</script>`, tag, h.at("ahead"), run, helpers, port)
}

// serveMore answers with what a more page loads of the shop's own.
func (h *hostile) serveMore(w http.ResponseWriter, r *http.Request, page string) {
	run := r.URL.Query().Get("run")
	address := func(kind string) string { return h.at("tracker") + "/" + run + "/" + kind }
	switch page {
	case "untagged":
		fmt.Fprintf(w, `<!doctype html><title>Untagged</title><script src="%s"></script>`, address("untagged"))
	case "worker.js":
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "fetch('%s').catch(() => {}).then(() => postMessage(1))", address("worker"))
	case "ads-sw.js":
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, "// what a service leaves behind")
	case "sw.js":
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "addEventListener('install', (event) => event.waitUntil(fetch('%s').catch(() => {})))", address("service-worker"))
	}
}

// listenSTUN opens a port that counts what a peer connection of this run asks it, for as long as the server is there.
func (h *hostile) listenSTUN(r *http.Request, run string) (port int, err error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	server.RegisterOnShutdown(func() { conn.Close() })
	go func() {
		packet := make([]byte, 1500)
		for {
			if _, _, err := conn.ReadFrom(packet); err != nil {
				return
			}
			h.change(run, func(run *hostileRun) { run.Arrived["web-rtc"]++ })
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).Port, nil
}
