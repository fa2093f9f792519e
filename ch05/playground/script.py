"""The command: its options, and the animation of the pages."""

import asyncio
import importlib.util
import sys

import matplotlib
import numpy as np
from tqdm import tqdm

from ch05.playground.play import Playground
from ch05.tools.options import OneLineParser, build_network, file_ending_in, number, positive

NO_SCREEN = "expected a screen to open a window on, got none; use --browser, or --gif FILE"
SEVEN = np.array([[8, 7], [14, 7], [19, 7], [17, 12], [14, 17], [12, 21]], float)


def main(argv=None):
    parser = OneLineParser("playground.py", "See a network learn, and why it reads what it reads.")
    add, where = parser.add_argument, parser.add_mutually_exclusive_group()
    add("--std", type=positive, metavar="S", help="the weights start as S times normal random "
        "numbers (chosen for each layer)")  # fmt: skip
    add("--load", metavar="FILE", help="start from the weights in this file")
    add("--width", type=number(int, "a whole number from 400 to 4000", 400, 4001), default=1100,
        metavar="PIXELS", help="of the figure (1100)")  # fmt: skip
    where.add_argument("--browser", action="store_true", help="in a browser, not in a window")
    where.add_argument("--gif", type=file_ending_in(".gif"), metavar="FILE",
        help="write an animation of a training, and open no window")  # fmt: skip
    args = parser.parse_args(argv)
    if args.browser and importlib.util.find_spec("tornado") is None:
        parser.error("argument --browser: expected the package tornado, got none; run: "
                     f"{sys.executable} -m pip install tornado")  # fmt: skip
    how = {} if args.std is None else {"weight_init_std": args.std}
    with parser.answers():
        network = build_network(args.hidden, np.float32, args.seed, **how)
        if args.load:
            network.load(args.load)
        if args.gif or args.browser:
            matplotlib.use("agg" if args.gif else "webagg")
        playground = Playground(network, rng=args.seed, width=args.width)
        if args.gif:
            write_gif(playground, args.gif)
        elif args.browser:
            from ch05.playground.browser import serve

            asyncio.run(serve())
        elif playground.alive:
            playground.show()
        else:
            parser.error(NO_SCREEN)


def write_gif(playground, path, frames=32):
    """An animation: somebody draws a 7, the network learns to read it, and one unit says why."""
    from PIL import Image

    playground.follow(None)
    playground.clear()
    pictures, strokes = [], len(SEVEN) - 1
    for k in tqdm(range(frames), desc="frames", disable=None):
        if k < strokes:
            playground.pad.stroke(SEVEN[k], SEVEN[k + 1], lifted=k == 0)
            playground.read()
        elif k < frames - 8:
            playground.t = 7
            playground.update(round(1.45 ** (k - strokes)))
        elif k == frames - 8:
            playground.why()
        elif k == frames - 5:
            playground.t = 9  # a wrong label
            playground.read()
        elif k == frames - 3:
            playground.learn_from_mine()
        playground.figure.canvas.draw()
        picture = np.array(playground.figure.canvas.buffer_rgba())
        pictures.append(Image.fromarray(picture).convert("RGB"))
    colours = pictures[-3].quantize(64, kmeans=3)  # few, and the same in all frames: a small file
    first, *others = [each.quantize(palette=colours, dither=0) for each in pictures]
    times = [200] * (frames - 8) + [2500] * 7 + [6000]  # milliseconds
    first.save(path, save_all=True, append_images=others, duration=times, loop=0)
    size, MB = "{} x {}".format(*first.size), path.stat().st_size / 1e6
    print(f"wrote {path}: {size} pixels, {MB:.1f} MB")
