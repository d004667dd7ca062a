"""Files in the database (exports, media, audio): any host serves what another made."""
