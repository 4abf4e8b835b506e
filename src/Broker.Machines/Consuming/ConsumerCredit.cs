namespace Broker.Machines.Consuming;

/// <summary>
/// How much a queue may send to a consumer's stream actor: never more than the client has asked for, and never more than the stream's own window,
/// so that a client with much credit that does not read costs no more memory than that window.
/// </summary>
/// <param name="windowMessages">Messages that may be on their way from the queue to the QUIC stream.</param>
/// <param name="windowBytes">Bytes, likewise.</param>
public sealed class ConsumerCredit(long windowMessages, long windowBytes)
{
    private const long Ceiling = 1L << 62; // where a balance saturates (docs/protocol.md, section 8.2): as good as not being counted
    private long _clientMessages;
    private long _clientBytes;
    private long _unflushedMessages;
    private long _unflushedBytes;
    private long _grantedMessages;
    private long _grantedBytes;

    /// <summary>Messages that the client may still get.</summary>
    public long ClientMessages => _clientMessages;

    /// <summary>Bytes that the client may still get; below zero after a message larger than the rest.</summary>
    public long ClientBytes => _clientBytes;

    /// <summary>The client asks for more.</summary>
    public void HandleCredit(ulong messages, ulong bytes)
    {
        _clientMessages += (long)Math.Min(messages, (ulong)(Ceiling - _clientMessages));
        _clientBytes += (long)Math.Min(bytes, (ulong)(Ceiling - _clientBytes));
    }

    /// <summary>The queue has sent these.</summary>
    public void HandleDelivered(int messages, long bytes)
    {
        _clientMessages -= messages;
        _clientBytes -= bytes;
        _grantedMessages -= messages;
        _grantedBytes -= bytes;
        _unflushedMessages += messages;
        _unflushedBytes += bytes;
    }

    /// <summary>The QUIC stream has taken these.</summary>
    public void HandleFlushed(long messages, long bytes)
    {
        _unflushedMessages -= messages;
        _unflushedBytes -= bytes;
    }

    /// <summary>
    /// What to grant the queue on top of what it has. Small increments wait until they make up a quarter of what could be granted, which keeps credit traffic to a few
    /// messages per window; when the queue has nothing left, any increment goes.
    /// </summary>
    public bool TryTakeGrant(out long messages, out long bytes)
    {
        var wantedMessages = Math.Min(_clientMessages, windowMessages - _unflushedMessages);
        var wantedBytes = Math.Min(_clientBytes, windowBytes - _unflushedBytes);
        messages = Math.Max(0, wantedMessages - Math.Max(0, _grantedMessages));
        bytes = Math.Max(0, wantedBytes - _grantedBytes);
        if (wantedMessages <= 0 || wantedBytes <= 0 || (messages < (wantedMessages + 3) / 4 && bytes < (wantedBytes + 3) / 4))
        {
            return false;
        }

        _grantedMessages += messages;
        _grantedBytes += bytes;
        return true;
    }
}
