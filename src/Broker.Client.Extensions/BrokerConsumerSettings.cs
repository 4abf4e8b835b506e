namespace Broker.Client.Extensions;

/// <summary>How a hosted consumer works.</summary>
public sealed class BrokerConsumerSettings
{
    /// <summary>How to consume, and what becomes of a message whose handler has thrown. Default: defaults.</summary>
    public HandlerOptions Options { get; set; } = new();

    /// <summary>Declare the queue so before consuming it. Default <c>null</c>: it is there already.</summary>
    public QueueOptions? Declare { get; set; }

    /// <summary>
    /// Run before each subscription, after <see cref="Declare"/>, to declare exchanges and bindings. What it throws is logged, and tried again after
    /// <see cref="RetryDelay"/>. Default <c>null</c>.
    /// </summary>
    public Func<BrokerClient, CancellationToken, Task>? Prepare { get; set; }

    /// <summary>The client's key, if it was added with one. Default <c>null</c>.</summary>
    public string? ClientKey { get; set; }

    /// <summary>
    /// The pause before consuming is tried again when it could not begin, or ended for another reason than a lost connection or leader, such as a deleted queue.
    /// Default 5 s; must be positive.
    /// </summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of the pause. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Options);
        ArgumentNullException.ThrowIfNull(TimeProvider);
        Options.Validate();
        if (RetryDelay <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(RetryDelay), RetryDelay, "must be positive");
        }
    }
}
