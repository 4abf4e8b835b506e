namespace Broker.Actors.Streams;

/// <summary>What the transport tells a stream's actor.</summary>
internal sealed class StreamSignal
{
    /// <summary>The read that was begun has ended.</summary>
    public static readonly StreamSignal Readable = new();

    /// <summary>The flush that was begun has ended.</summary>
    public static readonly StreamSignal Flushed = new();

    /// <summary>The peer has everything, or will never have it.</summary>
    public static readonly StreamSignal WritesClosed = new();

    /// <summary>The time to deliver the reason of an error is over.</summary>
    public static readonly StreamSignal ClosingTimeout = new();

    private StreamSignal()
    {
    }
}
