namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>
/// Finds STOP_SENDING frames in a decrypted packet. Until a version that postdates 1.19, ngtcp2 answers them by itself and tells nobody: a writer that waits for
/// credit would wait for ever, and the code would be lost. Each frame is read as RFC 9000, section 19, lays it out.
/// </summary>
internal static class StopSendingScanner
{
    private const ulong StopSending = 0x05;

    /// <summary>Calls <paramref name="found"/> with stream id and error code of each STOP_SENDING; stops at what it cannot read, which ngtcp2 will judge.</summary>
    public static void Scan<TState>(ReadOnlySpan<byte> payload, TState state, Action<TState, long, long> found)
    {
        while (TryReadVarint(ref payload, out var type))
        {
            if (type == StopSending)
            {
                if (!TryReadVarint(ref payload, out var streamId) || !TryReadVarint(ref payload, out var code))
                {
                    return;
                }

                found(state, (long)streamId, (long)code);
            }
            else if (!TrySkip(type, ref payload))
            {
                return;
            }
        }
    }

    private static bool TrySkip(ulong type, ref ReadOnlySpan<byte> rest) => type switch
    {
        0x00 => SkipPadding(ref rest),
        0x01 or 0x1e => true,
        0x02 or 0x03 => SkipAck(type == 0x03, ref rest),
        0x04 => SkipVarints(3, ref rest),
        0x06 => SkipVarints(1, ref rest) && SkipBlock(ref rest),
        0x07 => SkipBlock(ref rest),
        >= 0x08 and <= 0x0f => SkipStream(type, ref rest),
        0x10 or 0x12 or 0x13 or 0x14 or 0x16 or 0x17 or 0x19 => SkipVarints(1, ref rest),
        0x11 or 0x15 => SkipVarints(2, ref rest),
        0x18 => SkipVarints(2, ref rest) && SkipNewConnectionId(ref rest),
        0x1a or 0x1b => SkipBytes(8, ref rest),

        // CONNECTION_CLOSE ends everything; DATAGRAM is never negotiated.
        _ => false,
    };

    private static bool SkipPadding(ref ReadOnlySpan<byte> rest)
    {
        var next = rest.IndexOfAnyExcept((byte)0);
        rest = next < 0 ? [] : rest[next..];
        return true;
    }

    private static bool SkipAck(bool ecn, ref ReadOnlySpan<byte> rest)
    {
        if (!SkipVarints(2, ref rest) || !TryReadVarint(ref rest, out var ranges) || ranges > (ulong)rest.Length)
        {
            return false;
        }

        return SkipVarints(1 + (2 * (int)ranges) + (ecn ? 3 : 0), ref rest);
    }

    private static bool SkipStream(ulong type, ref ReadOnlySpan<byte> rest)
    {
        if (!SkipVarints((type & 0x04) != 0 ? 2 : 1, ref rest))
        {
            return false;
        }

        if ((type & 0x02) != 0)
        {
            return SkipBlock(ref rest);
        }

        rest = [];
        return true;
    }

    private static bool SkipNewConnectionId(ref ReadOnlySpan<byte> rest) => rest.Length > 0 && SkipBytes(17UL + rest[0], ref rest);

    private static bool SkipBlock(ref ReadOnlySpan<byte> rest) => TryReadVarint(ref rest, out var length) && SkipBytes(length, ref rest);

    private static bool SkipBytes(ulong count, ref ReadOnlySpan<byte> rest)
    {
        if (count > (ulong)rest.Length)
        {
            return false;
        }

        rest = rest[(int)count..];
        return true;
    }

    private static bool SkipVarints(int count, ref ReadOnlySpan<byte> rest)
    {
        for (; count > 0; count--)
        {
            if (rest.IsEmpty || !SkipBytes(1UL << (rest[0] >> 6), ref rest))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryReadVarint(ref ReadOnlySpan<byte> rest, out ulong value)
    {
        value = 0;
        if (rest.IsEmpty)
        {
            return false;
        }

        var length = 1 << (rest[0] >> 6);
        if (length > rest.Length)
        {
            return false;
        }

        value = rest[0] & 0x3fUL;
        for (var i = 1; i < length; i++)
        {
            value = (value << 8) | rest[i];
        }

        rest = rest[length..];
        return true;
    }
}
