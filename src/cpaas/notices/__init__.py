"""Mail and posts to people who run the platform: kept in the database until they are sent."""
