"""Models: fitted syntheses that are kept, saved, or released without microdata."""
