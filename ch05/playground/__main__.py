"""python -m ch05.playground"""

import signal

from ch05.playground.script import main

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once: nothing is lost
main()
