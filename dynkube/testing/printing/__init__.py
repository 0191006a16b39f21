"""What people read: Tables with the columns and cells of every kind."""
