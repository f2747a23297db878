"""What is made of a verified copy of a feed for people to look at: the reference site, screens, the bulletin."""
