"""The documentation: pages, the examples in them, and what makes a site of both. No part of the running product."""
