namespace Broker.Client;

/// <summary>What becomes of a message whose handler has failed.</summary>
public enum FailureOutcome
{
    /// <summary>Put back, to be delivered again; the queue's delivery limit and retry back-off say how often and when.</summary>
    Requeue,

    /// <summary>Dead-lettered where the queue has that, with the exception's type and message as the reason; else dropped.</summary>
    Reject,
}

/// <summary>How a <see cref="CallbackConsumer"/> calls its handler. Immutable.</summary>
public sealed record HandlerOptions
{
    /// <summary>How to consume. Default: defaults. Messages wait in the client for a handler up to its prefetch.</summary>
    public ConsumerOptions Consumer { get; init; } = new();

    /// <summary>
    /// Handlers that may run at the same time. Default 1: one message after the other, in the order in which they were delivered; more: begun in that order, ended
    /// in any. 1 to 4,096; more than <see cref="ConsumerOptions.PrefetchMessages"/> never run.
    /// </summary>
    public int MaxConcurrency { get; init; } = 1;

    /// <summary>
    /// What becomes of a message whose handler has thrown, if the handler has not settled it and <see cref="OnException"/> does not say. Default
    /// <see cref="FailureOutcome.Requeue"/>: nothing is lost, and a queue without a delivery limit tries for ever.
    /// </summary>
    public FailureOutcome FailureOutcome { get; init; } = FailureOutcome.Requeue;

    /// <summary>
    /// Called for each exception of a handler, for the log and to decide by message and exception what becomes of the message. Also called for messages taken with
    /// no-ack, of which nothing becomes. What it throws is dropped, and <see cref="FailureOutcome"/> counts. Not called for a handler that ends because its token was
    /// cancelled; that message is put back. Default: none.
    /// </summary>
    public Func<Delivery, Exception, FailureOutcome>? OnException { get; init; }

    /// <summary>Checks what consuming would check before it begins.</summary>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    public void Validate()
    {
        ArgumentNullException.ThrowIfNull(Consumer);
        Consumer.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxConcurrency, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxConcurrency, 4096);
        if (!Enum.IsDefined(FailureOutcome))
        {
            throw new ArgumentOutOfRangeException(nameof(FailureOutcome), FailureOutcome, null);
        }
    }
}
