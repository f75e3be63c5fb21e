"""Several hosts on one machine: network namespaces with their own addresses, real servers in them, and what goes wrong between them."""
