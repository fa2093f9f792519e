"""What stands around the four pages of the lesson, so that these are mathematics alone.

guarded.py   @guarded: what is looked at before and after a function, a layer or a network's method
mistakes.py  the words: arguments converted or refused, each in one sentence
chain.py     the base class of Network, and which layer an error came from
learnt.py    the search for what a chain learns
params.py    network.params
untouched.py what lets a look leave no trace
"""
