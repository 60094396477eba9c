"""``python -m recexplainer`` is the command ``recexplainer``."""

from recexplainer.interactive.command import main

if __name__ == "__main__":
    main()
