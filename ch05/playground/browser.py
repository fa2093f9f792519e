"""The playground in a browser: matplotlib's WebAgg, in a page of our own.

Only a browser on this computer sees it. It listens on 127.0.0.1, and a request that was meant for
another host, or that comes from another site's page, is refused: such a page could otherwise look
at the drawing, or use the network.
"""

import asyncio
import contextlib
import webbrowser

from matplotlib.backends.backend_webagg import FigureManagerWebAgg, WebAggApplication
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler, StaticFileHandler

__all__ = ["application", "serve"]

PORT = 8988  # or the next one that is free
HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, user-scalable=no">
<title>Layer by Layer: playground</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="_static/css/mpl.css">
<style>
  html, body { margin: 0; height: 100%; overflow: hidden; background: #fff; }
  #figure { display: flex; justify-content: center; align-items: center; height: 100%; }
  .ui-dialog-titlebar, .mpl-toolbar { display: none !important; }
  #ended { display: none; position: fixed; inset: 0; z-index: 9; background: #fffc; color: #000;
           font: 20px/1.5 sans-serif; text-align: center; padding-top: 35vh; }
  @media (prefers-color-scheme: dark) {
    html, body { background: #121212; }
    canvas { filter: invert(0.93) hue-rotate(180deg); }
    #ended { background: #000c; color: #fff; }
  }
</style>
<script src="mpl.js"></script>
</head>
<body>
<div id="figure"></div>
<div id="ended">The playground has ended.<br>To start it again:
<code>python ch05/playground.py --browser</code>, and reload this page.</div>
<script>
  const socket = new WebSocket(`ws://${location.host}/ws`);
  const show = mpl.figure.prototype.handle_resize;
  mpl.figure.prototype.handle_resize = (figure, message) => { show(figure, message); fit(); };
  const figure = new mpl.figure(1, socket, () => {}, document.getElementById("figure"));
  const pad = figure.canvas_div;
  Object.assign(pad.style, { border: "0", resize: "none", touchAction: "none" });

  // As large as the window allows. Matplotlib's script tells the figure.
  function fit() {
    const width = Math.min(innerWidth, innerHeight * RATIO, 1800);
    pad.style.width = `${Math.floor(width)}px`;
    pad.style.height = `${Math.floor(width / RATIO)}px`;
  }
  addEventListener("resize", fit);

  // A finger or a pencil is a mouse with its left button down.
  const names = { pointerdown: "button_press", pointermove: "motion_notify",
                  pointerup: "button_release", pointercancel: "button_release" };
  for (const [type, name] of Object.entries(names))
    pad.addEventListener(type, (event) => {
      if (event.pointerType === "mouse" || !event.isPrimary) return;
      event.preventDefault();
      const { clientX, clientY, ctrlKey, altKey, shiftKey, metaKey } = event;
      const buttons = name === "button_release" ? 0 : 1;
      figure.mouse_event({ clientX, clientY, button: 0, buttons, ctrlKey, altKey, shiftKey,
                           metaKey }, name);
    });
  const end = () => { document.getElementById("ended").style.display = "block"; };
  socket.addEventListener("close", end);
</script>
</body>
</html>
"""


class OnlyOurs:
    """Refuses what wasn't meant for this page: a foreign Host, a foreign Origin."""

    def prepare(self):
        port = self.application.settings["port"]
        hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
        origin = self.request.headers.get("Origin")
        if self.request.host.lower() not in hosts or not self.check_origin(origin):
            raise HTTPError(403)

    def check_origin(self, origin):
        """None where it is no page that asks; else it must be the page at this very address."""
        return origin is None or origin.lower() == f"http://{self.request.host.lower()}"

    def set_default_headers(self):
        self.set_header("X-Frame-Options", "DENY")  # no other page shows it inside itself
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")


class Index(OnlyOurs, RequestHandler):
    def get(self):
        width, height = self.application.settings["figure"].get_size_inches()
        self.write(HTML.replace("RATIO", f"{width / height:.4f}"))


class Script(OnlyOurs, WebAggApplication.MplJs):
    pass


class Static(OnlyOurs, StaticFileHandler):
    pass


class Socket(OnlyOurs, WebAggApplication.WebSocket):
    def open(self):
        super().open(self.application.settings["figure"].number)


def application(figure, port):
    static = {"path": FigureManagerWebAgg.get_static_file_path()}
    pages = [("/", Index), ("/mpl.js", Script), ("/ws", Socket), ("/_static/(.*)", Static, static)]
    return Application(pages, figure=figure, port=port, websocket_max_message_size=1_000_000)


async def serve(figure):
    """The page, until Ctrl-C. Its address is printed, and a browser opened."""
    listening, port = listen()
    HTTPServer(application(figure, port)).add_sockets([listening])
    address = f"http://127.0.0.1:{port}/"
    print(f"The playground is at {address} on this computer. Ctrl-C here ends it.", flush=True)
    webbrowser.open(address)
    await asyncio.Event().wait()


def listen():
    for port in (*range(PORT, PORT + 20), 0):
        with contextlib.suppress(OSError):  # another program has it
            [listening] = bind_sockets(port, "127.0.0.1")
            return listening, listening.getsockname()[1]
