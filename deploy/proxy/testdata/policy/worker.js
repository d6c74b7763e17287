// Both a script of the page, which does nothing, and a worker, which says whether it reaches another host.
if (typeof importScripts === 'function') {
  fetch('https://ads.example:8443/', { mode: 'no-cors' }).then(() => postMessage(true), () => postMessage(false))
}
