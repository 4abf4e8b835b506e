namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// Gives the loop what the kernel learned about a socket's datagrams. ICMP errors are easily forged and share the room of received datagrams, so a flood of those that are about nothing that was sent
/// makes it look away for a while: nobody is told then, and nothing is lost.
/// </summary>
internal sealed class ErrorReader
{
    /// <summary>Errors that a turn of the loop takes.</summary>
    private const int MostPerTurn = 64;

    /// <summary>In nanoseconds.</summary>
    private const ulong Pause = 1_000_000_000;

    private readonly Endpoint _endpoint;
    private readonly UdpSocket _socket;
    private ulong _pausedUntil;

    public ErrorReader(Endpoint endpoint, UdpSocket socket)
    {
        _endpoint = endpoint;
        _socket = socket;
        socket.ReportErrors(true);
    }

    /// <summary>Whether it looks away; <see cref="Read"/> is due all the same.</summary>
    public bool IsPaused => _pausedUntil != 0;

    /// <summary>On the loop: takes what there is, or as much as a turn may cost.</summary>
    public void Read()
    {
        if (IsPaused)
        {
            if (Clock.Now < _pausedUntil)
            {
                return;
            }

            _pausedUntil = 0;
            _socket.ReportErrors(true);
        }

        var (count, strange) = (0, 0);
        while (count < MostPerTurn && ErrorQueue.TryTake(_socket, out var entry))
        {
            count++;
            if (!entry.IsUnreachable || !_endpoint.OnUnreachable(in entry))
            {
                strange++;
            }
        }

        if (strange == MostPerTurn)
        {
            _socket.ReportErrors(false);
            _pausedUntil = Clock.Now + Pause;
        }

        if (count == 0 || IsPaused)
        {
            ErrorQueue.Clear(_socket);
        }
    }
}
