"""The playground in a browser: matplotlib's WebAgg, in a page of our own.

Only a browser on this computer sees it. It listens on 127.0.0.1, and answers to this name alone.
So no other site's page can use it by a name of its own for this computer. Tornado refuses a socket
to a page that isn't from here.
"""

import asyncio
import contextlib
import webbrowser

import matplotlib
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_webagg import FigureManagerWebAgg, WebAggApplication
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, StaticFileHandler

from ch05.playground.page import HEIGHT, WIDTH

PORT = 8988  # or any that is free
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
<code>python ch05/playground.py --browser</code>, and open the address it prints.</div>
<script>
  const socket = new WebSocket(`ws://${location.host}/ws/1`);  // pyplot's figure 1
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
  socket.onclose = ({ code }) => {
    if (code === 4000)
      ended.textContent = "The playground is open in another tab; close it, and reload this page.";
    ended.style.display = "block";
  };
</script>
"""


class Socket(WebAggApplication.WebSocket):
    """One page has the figure: a second one, of another size, would spoil its picture."""

    def open(self, number):
        if Gcf.get_fig_manager(int(number)).web_sockets:
            self.on_message = self.on_close = lambda *message: None
            return self.close(4000)  # which the page answers with a sentence
        super().open(number)


class Index(RequestHandler):
    def get(self):
        self.write(HTML.replace("RATIO", f"{WIDTH / HEIGHT:.4f}"))


def application():
    pages = [
        ("/", Index),
        ("/mpl.js", WebAggApplication.MplJs),
        (r"/ws/(1)", Socket),
        ("/_static/(.*)", StaticFileHandler, {"path": FigureManagerWebAgg.get_static_file_path()}),
        ("/_images/(.*)", StaticFileHandler, {"path": f"{matplotlib.get_data_path()}/images"}),
    ]
    ours = Application()
    ours.add_handlers(r"(127\.0\.0\.1|localhost)", pages)
    return ours


async def serve():
    """The page, until Ctrl-C. Its address is printed, and a browser opened."""
    sockets = listen()
    HTTPServer(application()).add_sockets(sockets)
    address = "http://{}:{}/".format(*sockets[0].getsockname())
    print(f"The playground is at {address} on this computer. Ctrl-C ends it.", flush=True)
    webbrowser.open(address)
    await asyncio.Event().wait()


def listen():
    with contextlib.suppress(OSError):  # another program has it
        return bind_sockets(PORT, "127.0.0.1")
    return bind_sockets(0, "127.0.0.1")
