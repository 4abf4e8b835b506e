namespace Broker.Client;

/// <summary>
/// A responder has answered that it cannot do what was asked. Thrown by <see cref="BrokerClient.RequestAsync"/>; a handler of
/// <see cref="BrokerClient.RespondAsync"/> throws it to answer so with a text of its own.
/// </summary>
/// <param name="message">Why, in the responder's words; at most 64 KiB of UTF-8, as headers allow.</param>
public sealed class ReplyErrorException(string message) : Exception(message);
