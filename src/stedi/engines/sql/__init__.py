"""What engines that speak SQL share: how a table is made anew, all of it or what changed."""
