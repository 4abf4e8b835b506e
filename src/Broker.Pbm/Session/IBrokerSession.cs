using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Protocol;

namespace Broker.Pbm.Session;

/// <summary>What <c>pbm</c> needs of a connection to a node. Every failure is a <see cref="PbmException"/>.</summary>
internal interface IBrokerSession : IAsyncDisposable
{
    /// <summary>Runs a command of the node and yields its rows.</summary>
    IAsyncEnumerable<JsonElement> AdminAsync(string command, JsonObject arguments, CancellationToken cancellationToken);

    /// <summary>Sends a message at once, in the order of the calls; completes when the node has answered for it.</summary>
    Task<PublishResult> PublishAsync(OutgoingMessage message, CancellationToken cancellationToken);

    /// <summary>Takes the first ready message of a queue; <c>null</c> if there is none.</summary>
    Task<IncomingMessage?> GetAsync(string queue, bool noAck, CancellationToken cancellationToken);

    /// <summary>Takes messages as they come until it is cancelled, with so many on their way at most.</summary>
    /// <param name="queue">The queue or log.</param>
    /// <param name="noAck">Have them settled when they are sent.</param>
    /// <param name="prefetch">So many on their way.</param>
    /// <param name="arguments">Of the subscription.</param>
    /// <param name="cancellationToken">Ends it.</param>
    IAsyncEnumerable<IncomingMessage> ConsumeAsync(string queue, bool noAck, int prefetch, FieldTable arguments, CancellationToken cancellationToken);

    /// <summary>Sends a few bytes and waits until they are back.</summary>
    Task<TimeSpan> PingAsync(CancellationToken cancellationToken);
}

/// <summary>A message to publish.</summary>
internal sealed record OutgoingMessage(
    string Exchange, string RoutingKey, ReadOnlyMemory<byte> Body, MessageProperties Properties, bool Mandatory, bool Durable);

/// <summary>The node's answer for one message.</summary>
internal enum PublishOutcome
{
    Confirmed,
    Returned,
    Rejected,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="Reason">Code and text, unless it was confirmed.</param>
internal readonly record struct PublishResult(PublishOutcome Outcome, string Reason = "");

/// <summary>A message from a queue.</summary>
internal sealed record IncomingMessage(
    string Exchange, string RoutingKey, MessageProperties Properties, ReadOnlyMemory<byte> Body, bool Redelivered, long DeliveryCount)
{
    /// <summary>Its offset, if it comes from a log.</summary>
    public long? Offset { get; init; }

    /// <summary>Settles it, unless it was taken settled.</summary>
    public Func<Task> AckAsync { get; init; } = static () => Task.CompletedTask;
}
