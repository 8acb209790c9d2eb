exports.handler = async ({ seat }) => ({ sold: seat });
