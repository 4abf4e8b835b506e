namespace Broker.Client;

/// <summary>The broker's types of exchanges, for <see cref="BrokerClient.DeclareExchangeAsync"/>.</summary>
public static class ExchangeType
{
    /// <summary>To what is bound with the message's routing key.</summary>
    public const string Direct = "direct";

    /// <summary>To everything that is bound.</summary>
    public const string Fanout = "fanout";

    /// <summary>
    /// To what is bound with a pattern that the routing key fits: words between dots, <c>*</c> for exactly one word, <c>#</c> for any number of words.
    /// </summary>
    public const string Topic = "topic";

    /// <summary>To what is bound with arguments that the message's headers fit; <c>x-match</c> says <c>all</c> (default) or <c>any</c>.</summary>
    public const string Headers = "headers";

    /// <summary>
    /// To one of what is bound, always the same for the same routing key, or header (<see cref="ExchangeOptions.HashHeader"/>), or property
    /// (<see cref="ExchangeOptions.HashProperty"/>). The routing key of a binding is its weight, a number.
    /// </summary>
    public const string ConsistentHash = "x-consistent-hash";

    /// <summary>To one of what is bound, at random.</summary>
    public const string Random = "x-random";

    /// <summary>To one of what is bound, at random; of queues that the publisher's node leads, if there are any.</summary>
    public const string LocalRandom = "x-local-random";

    /// <summary>
    /// As the type that <see cref="ExchangeOptions.DelayedType"/> names; the header <c>x-delay</c>, milliseconds, holds a message back in its queues like
    /// <see cref="Protocol.MessageProperties.Delay"/>.
    /// </summary>
    public const string Delayed = "x-delayed-message";
}
