using System.Net;
using System.Text;
using Broker.Transport.Ngtcp2.Tls;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>A QUIC connection. This part is the application's side: thread-safe, it only reads snapshots and posts wishes to the loop.</summary>
internal sealed partial class Ngtcp2Connection : LoopWork, IQuicConnection, ITimed
{
    private const int MaxReasonBytes = 256;

    private static long _lastId;

    private readonly Lock _statisticsGate = new();
    private readonly TaskCompletionSource<QuicCloseInfo> _closed;
    private readonly AcceptQueue<Ngtcp2Stream> _accepted;
    private readonly StreamSlots _slots;
    private QuicConnectionStatistics _statistics;
    private CloseRequest? _closeRequest;
    private KeyUpdateRequest? _keyUpdateRequest;
    private QuicCloseInfo? _closeInfo;
    private IPEndPoint _remoteEndPoint;
    private LazySignal _unreachable;
    private long _consumed;
    private int _returnedSlots;
    private bool _keyPhase;

    /// <summary>Creates a connection that <see cref="StartClient"/> or <see cref="StartServer"/> brings to life on the loop.</summary>
    public Ngtcp2Connection(Endpoint endpoint, QuicConnectionOptions options, TlsCredentials credentials, IPEndPoint localEndPoint, IPEndPoint remoteEndPoint)
    {
        Endpoint = endpoint;
        Options = options;
        _credentials = credentials;
        _remoteEndPoint = remoteEndPoint;
        LocalEndPoint = localEndPoint;
        Id = Interlocked.Increment(ref _lastId);
        var creation = options.InlineContinuations ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;
        _closed = new TaskCompletionSource<QuicCloseInfo>(creation);
        _accepted = new AcceptQueue<Ngtcp2Stream>(options.InlineContinuations);
        _slots = new StreamSlots(options.InlineContinuations);
    }

    /// <summary>The loop that owns the connection.</summary>
    public Endpoint Endpoint { get; }

    /// <summary>What it was made with.</summary>
    public QuicConnectionOptions Options { get; }

    /// <inheritdoc/>
    public long Id { get; }

    /// <inheritdoc/>
    public string ApplicationProtocol { get; private set; } = "";

    /// <inheritdoc/>
    public IPEndPoint RemoteEndPoint => Volatile.Read(ref _remoteEndPoint);

    /// <inheritdoc/>
    public IPEndPoint LocalEndPoint { get; }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte>? PeerCertificate { get; private set; }

    /// <inheritdoc/>
    public Task<QuicCloseInfo> Closed => _closed.Task;

    /// <inheritdoc/>
    public Task PeerUnreachable => _unreachable.Task(Options.InlineContinuations);

    /// <summary>How the connection ended; <c>null</c> while it has not.</summary>
    public QuicCloseInfo? CloseInfo => Volatile.Read(ref _closeInfo);

    /// <summary>Whether the handshake was shortened by a ticket (RFC 8446, section 2.2).</summary>
    public bool IsResumed { get; private set; }

    /// <summary>The key phase of the last packet that was received (RFC 9001, section 6); it changes with each key update.</summary>
    public bool KeyPhase => Volatile.Read(ref _keyPhase);

    /// <inheritdoc/>
    public async ValueTask<IQuicStream> OpenStreamAsync(CancellationToken cancellationToken = default)
    {
        await _slots.ReserveAsync(cancellationToken).ConfigureAwait(false);
        return new Ngtcp2Stream(this, -1);
    }

    /// <inheritdoc/>
    public async ValueTask<IQuicStream> AcceptStreamAsync(CancellationToken cancellationToken = default)
    {
        var stream = (await _accepted.TakeAsync(cancellationToken).ConfigureAwait(false))!;
        if (stream.HalfReleaseSlot())
        {
            Interlocked.Increment(ref _returnedSlots);
            Post();
        }

        return stream;
    }

    /// <inheritdoc/>
    public ValueTask CloseAsync(long errorCode, string reason = "")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(errorCode, (1L << 62) - 1);
        ArgumentNullException.ThrowIfNull(reason);
        if (CloseInfo == null && Interlocked.CompareExchange(ref _closeRequest, new CloseRequest(errorCode, Shorten(reason)), null) == null)
        {
            Post();
        }

        return new ValueTask(Closed);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync(Options.DefaultCloseErrorCode);

    /// <inheritdoc/>
    public QuicConnectionStatistics GetStatistics()
    {
        lock (_statisticsGate)
        {
            return _statistics;
        }
    }

    /// <summary>Updates the keys of both directions (RFC 9001, section 6). Completes when the update has begun.</summary>
    /// <exception cref="QuicTransportException">The handshake is not confirmed yet, or the last update was not acknowledged.</exception>
    public Task InitiateKeyUpdateAsync()
    {
        var request = new KeyUpdateRequest();
        var earlier = Interlocked.CompareExchange(ref _keyUpdateRequest, request, null);
        Post();
        return (earlier ?? request).Task;
    }

    /// <summary>Notes bytes that the application consumed; the loop is told when it is worth a frame.</summary>
    public void CountConsumed(long bytes)
    {
        var before = Interlocked.Add(ref _consumed, bytes) - bytes;
        var threshold = Options.ConnectionReceiveWindow / 8;
        if (before < threshold && before + bytes >= threshold)
        {
            Post();
        }
    }

    /// <summary>A stream was given up before it got an id.</summary>
    public void CancelReservation() => _slots.Cancel();

    /// <summary>Asks the loop to look at the connection.</summary>
    private void Post()
    {
        if (TryQueue())
        {
            Endpoint.Post(this);
        }
    }

    private static string Shorten(string reason)
    {
        if (Encoding.UTF8.GetByteCount(reason) <= MaxReasonBytes)
        {
            return reason;
        }

        var encoder = Encoding.UTF8.GetEncoder();
        encoder.Convert(reason, new byte[MaxReasonBytes], flush: false, out var used, out _, out _);
        return reason[..used];
    }

    private sealed record CloseRequest(long ErrorCode, string Reason);

    private sealed class KeyUpdateRequest() : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
}
