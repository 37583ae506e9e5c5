def handler(event, context):
    return f"Hello, {event['name']}!"
