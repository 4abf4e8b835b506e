using Broker.Protocol;

namespace Broker.Client;

/// <summary>What a responder answers.</summary>
/// <param name="Body">The body; must not change until the reply is sent.</param>
/// <param name="Properties">What to say about it; the correlation id is set to the request's. Default <c>null</c>: nothing else.</param>
public readonly record struct ReplyMessage(ReadOnlyMemory<byte> Body, MessageProperties? Properties = null)
{
    /// <summary>A reply without properties.</summary>
    public static implicit operator ReplyMessage(byte[] body) => new(body);

    /// <summary>A reply without properties.</summary>
    public static implicit operator ReplyMessage(ReadOnlyMemory<byte> body) => new(body);

    /// <summary>A reply without properties.</summary>
    public static ReplyMessage FromBytes(ReadOnlyMemory<byte> body) => new(body);
}
