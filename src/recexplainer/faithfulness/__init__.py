"""Can one trust the explanations? Measures that need no judge, each beside what chance or a reader without it gets."""
