"""AWS on a laptop: moto behind our own gate, with what recoveries depend on and moto lacks."""
