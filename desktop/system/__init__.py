"""What a desktop system gives and wants: tray, log, signals, screens, window flags."""
