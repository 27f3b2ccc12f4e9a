"""``python -m uipbench``."""

from uipbench.cli import main

if __name__ == "__main__":
    main()
