namespace Broker.Client.Replies;

/// <summary>Direct replies (docs/protocol.md): a queue that is not one, consumed without acknowledgements on the connection that sends the requests.</summary>
internal static class ReplyAddress
{
    /// <summary>
    /// Where to consume, and the reply-to of requests; the broker puts the connection's own address, which begins with this, in its place. Replies are published to the
    /// default exchange under that address.
    /// </summary>
    public const string Queue = "amq.rabbitmq.reply-to";

    /// <summary>The header of a reply that says, in place of a body, why there is none.</summary>
    public const string ErrorHeader = "x-reply-error";
}
