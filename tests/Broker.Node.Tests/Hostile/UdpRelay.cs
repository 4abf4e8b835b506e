using System.Net;
using System.Net.Sockets;

namespace Broker.Node.Tests.Hostile;

/// <summary>Stands between one client and the node and lets through so many datagrams of each direction, until it is cut.</summary>
internal sealed class UdpRelay : IAsyncDisposable
{
    private readonly Socket _toClient = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _toServer = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly TaskCompletionSource<byte[]> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _pumps;
    private EndPoint? _client;

    public UdpRelay(IPEndPoint server, int clientDatagrams = int.MaxValue, int serverDatagrams = int.MaxValue)
    {
        _toClient.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _toServer.Connect(server);
        _pumps = Task.WhenAll(PumpToServerAsync(clientDatagrams), PumpToClientAsync(serverDatagrams));
    }

    /// <summary>What the client takes for the node.</summary>
    public IPEndPoint Address => (IPEndPoint)_toClient.LocalEndPoint!;

    /// <summary>The client's first datagram, whether it was let through or not.</summary>
    public Task<byte[]> FirstClientDatagram => _first.Task;

    /// <summary>From here on neither side hears of the other. Idempotent.</summary>
    public async ValueTask DisposeAsync()
    {
        _toClient.Dispose();
        _toServer.Dispose();
        await _pumps;
    }

    private async Task PumpToServerAsync(int allowed)
    {
        var buffer = new byte[1 << 16];
        await PumpAsync(async () =>
        {
            var received = await _toClient.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0));
            _client = received.RemoteEndPoint;
            _first.TrySetResult(buffer[..received.ReceivedBytes]);
            if (allowed-- > 0)
            {
                await _toServer.SendAsync(buffer.AsMemory(0, received.ReceivedBytes), SocketFlags.None);
            }
        });
    }

    private async Task PumpToClientAsync(int allowed)
    {
        var buffer = new byte[1 << 16];
        await PumpAsync(async () =>
        {
            var received = await _toServer.ReceiveAsync(buffer, SocketFlags.None);
            // Before this relay's client has sent anything, a datagram is for an earlier relay that had the same port: a vanished client's server still tries.
            if (_client is { } client && allowed-- > 0)
            {
                await _toClient.SendToAsync(buffer.AsMemory(0, received), SocketFlags.None, client);
            }
        });
    }

    private static async Task PumpAsync(Func<Task> next)
    {
        while (true)
        {
            try
            {
                await next();
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // What the other side's absence looks like on UDP; it may come back.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
