// no interned strings beside those that the sources name
