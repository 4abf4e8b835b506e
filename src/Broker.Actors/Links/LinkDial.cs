using Broker.Actors.Streams;
using Broker.Transport;

namespace Broker.Actors.Links;

/// <summary>
/// One attempt to reach a node, and the connection that came of it. An attempt that is given up leaves no connection behind, however it ends: the connection may be there already and the message
/// about it still on its way to an actor that has stopped. Thread-safe.
/// </summary>
internal sealed class LinkDial : IDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _cancellation = new();
    private IQuicConnection? _connection;
    private bool _abandoned;

    /// <summary>Once.</summary>
    public async Task<IQuicConnection> ConnectAsync(IQuicTransport transport, QuicClientOptions options)
    {
        var connection = await transport.ConnectAsync(options, _cancellation.Token);
        lock (_gate)
        {
            if (!_abandoned)
            {
                return _connection = connection;
            }
        }

        await connection.DisposeAsync();
        throw new OperationCanceledException("the attempt was given up");
    }

    /// <summary>Closes the connection; its <see cref="IQuicConnection.Closed"/> says what it ended with, which is this only if it had not ended before.</summary>
    public void Close(long errorCode, string reason)
    {
        if (_connection is { } connection)
        {
            StreamActor.Forget(connection.CloseAsync(errorCode, reason));
        }
    }

    /// <summary>Gives the attempt up, or closes and disposes of its connection.</summary>
    public void Abandon(long errorCode, string reason)
    {
        IQuicConnection? connection;
        lock (_gate)
        {
            _abandoned = true;
            connection = _connection;
        }

        if (connection is not null)
        {
            StreamActor.Forget(EndAsync(connection, errorCode, reason));
        }
        else
        {
            _cancellation.Cancel();
        }
    }

    public void Dispose() => _cancellation.Dispose();

    private static async ValueTask EndAsync(IQuicConnection connection, long errorCode, string reason)
    {
        await connection.CloseAsync(errorCode, reason);
        await connection.DisposeAsync();
    }
}
