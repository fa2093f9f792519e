"""The chapter alive: draw a digit, and watch a network read it, learn, and send gradients back.

    python ch05/playground.py              in a window
    python ch05/playground.py --browser    in a browser

In a notebook: %matplotlib widget, and then Playground(network). Blue goes forward, orange comes
back, as in draw_network. Every number on the screen comes from the layers, while they run.

Where to read: play.py is what happens, with the chapter's loop in it. look.py asks the layers.
copies.py keeps what learns here apart from the notebook's network. pad.py is the drawing, page.py
the picture, unit.py its part for one unit, cells.py and quick_text.py how numbers and words are
drawn, words.py the sentence at the top. script.py is the command, browser.py its page.
"""

from ch05.playground.play import Playground

__all__ = ["Playground"]
