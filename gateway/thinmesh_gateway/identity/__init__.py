"""Who there is: keys, the database that keeps them, and what is known of them while it is gone."""
