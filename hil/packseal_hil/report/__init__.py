"""Reports: what a run on the bench leaves for a person, for a build server and for whoever checks it years later."""
