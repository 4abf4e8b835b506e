namespace Broker.Protocol;

/// <summary>The fields that HELLO and WELCOME have in common.</summary>
internal static class AnnouncedLimits
{
    public static ulong ReadVersion(ref PayloadReader reader)
    {
        var version = reader.Number("version");
        if (version != ProtocolInfo.Version)
        {
            reader.Fail(ErrorCode.UnsupportedVersion, $"version: {version} is not spoken here; use {ProtocolInfo.Version}");
        }

        return version;
    }

    public static int ReadMaxFrame(ref PayloadReader reader) => (int)reader.Number(
        "max frame payload",
        ProtocolLimits.MaxMaxMessageBytes + ProtocolLimits.FrameOverheadBytes,
        ProtocolLimits.MinMaxMessageBytes + ProtocolLimits.FrameOverheadBytes);

    public static int ReadMaxMessage(ref PayloadReader reader) =>
        (int)reader.Number("max message", ProtocolLimits.MaxMaxMessageBytes, ProtocolLimits.MinMaxMessageBytes);

    public static void Check(ref PayloadReader reader, int maxFrame, int maxMessage)
    {
        if (!reader.Failed && maxFrame < maxMessage + ProtocolLimits.FrameOverheadBytes)
        {
            reader.Fail($"max frame payload: {maxFrame} is less than max message {maxMessage} + {ProtocolLimits.FrameOverheadBytes}");
        }
    }
}
