"""What the commands of cli.py share: options, types of arguments, how errors end, how text becomes values."""
