"""Where things are sent that leave this machine: the only place with an outgoing network, one file per target."""
